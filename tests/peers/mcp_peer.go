// A peer made with the Go SDK of MCP: "peer serve" is a server on its standard input and output, "peer call
// COMMAND..." a client that starts a server, adds two numbers with its tool and lets another fail.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type numbers struct {
	A int `json:"a"`
	B int `json:"b"`
}

type sum struct {
	Result int `json:"result"`
}

func add(_ context.Context, _ *mcp.CallToolRequest, in numbers) (*mcp.CallToolResult, sum, error) {
	return nil, sum{in.A + in.B}, nil
}

func fail(_ context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
	return nil, nil, errors.New("it broke")
}

func serve(ctx context.Context) error {
	server := mcp.NewServer(&mcp.Implementation{Name: "peer", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "add", Description: "Add two numbers."}, add)
	mcp.AddTool(server, &mcp.Tool{Name: "fail", Description: "Fail."}, fail)
	return server.Run(ctx, &mcp.StdioTransport{})
}

func call(ctx context.Context, words []string) error {
	client := mcp.NewClient(&mcp.Implementation{Name: "peer", Version: "1"}, nil)
	command := exec.Command(words[0], words[1:]...)
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: command}, nil)
	if err != nil {
		return err
	}
	tools, err := session.ListTools(ctx, nil)
	if err != nil {
		return err
	}
	for _, tool := range tools.Tools {
		fmt.Println("tool", tool.Name)
	}
	for _, name := range []string{"add", "fail"} {
		result, err := session.CallTool(ctx, &mcp.CallToolParams{
			Name: name, Arguments: map[string]any{"a": 2, "b": 3},
		})
		if err != nil {
			return err
		}
		value, err := json.Marshal(result.StructuredContent)
		if err != nil {
			return err
		}
		fmt.Println(name, result.IsError, string(value))
	}
	return session.Close()
}

func main() {
	ctx := context.Background()
	err := errors.New("peer serve, or peer call COMMAND...")
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		err = serve(ctx)
	} else if len(os.Args) > 2 && os.Args[1] == "call" {
		err = call(ctx, os.Args[2:])
	}
	if err != nil {
		log.Fatal(err)
	}
}
