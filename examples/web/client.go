// Calls the model with the client that oapi-codegen has made: client URL TEXT...
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, texts []string) error {
	client, err := NewClientWithResponses(url)
	if err != nil {
		return err
	}
	for _, text := range texts {
		answer, err := client.GuessWithResponse(ctx, nil, GuessInput{Text: text})
		if err != nil {
			return err
		}
		if problem := answer.ApplicationproblemJSONDefault; problem != nil {
			fmt.Println(problem.Status, *problem.Detail)
		} else {
			fmt.Printf("%s: %s\n", answer.JSON200.Language, answer.JSON200.Text)
		}
	}
	words, err := client.GuessWordsWithResponse(ctx, nil, GuessWordsInput{Text: "chat cat Katze"})
	if err != nil {
		return err
	}
	for at, word := range *words.JSON200 {
		fmt.Print([]string{"", " "}[min(at, 1)], word.Text, "=", word.Language)
	}
	fmt.Println()
	return nil
}
