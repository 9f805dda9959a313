package weir

import "encoding/base64"

// Content is a result made of content blocks for people and models. `weir serve --mcp`
// passes the blocks on as they are; other hosts get {"weir/content":[...]}.
type Content struct {
	Blocks []Block `json:"weir/content"`
}

// Block is one block of Content, in the form of MCP, made by Text, Image, Audio,
// Resource or Link, or by hand.
type Block map[string]any

// Text returns a block of text.
func Text(text string) Block {
	return Block{"type": "text", "text": text}
}

// Image returns an image, for example of the type "image/png".
func Image(data []byte, mimeType string) Block {
	return Block{"type": "image", "data": base64.StdEncoding.EncodeToString(data), "mimeType": mimeType}
}

// Audio returns a sound, for example of the type "audio/wav".
func Audio(data []byte, mimeType string) Block {
	return Block{"type": "audio", "data": base64.StdEncoding.EncodeToString(data), "mimeType": mimeType}
}

// Resource returns a resource with its text.
func Resource(uri, text string) Block {
	return Block{"type": "resource", "resource": map[string]any{"uri": uri, "text": text}}
}

// Link returns a link to a resource, which the client may read.
func Link(uri, name string) Block {
	return Block{"type": "resource_link", "uri": uri, "name": name}
}
