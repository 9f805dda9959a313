// Package weir calls functions across processes: others call those of a Go program
// (Main), and a Go program calls those of `weir serve` (Dial).
// NewPool starts workers for one program.
//
// A worker is a program that answers calls on its standard input and output. Its
// functions have one of four shapes, depending on their streams:
//
//	          value out   stream out
//	value in  Func        Source
//	stream in Sink        Duplex
//
// A client has two, Call and Stream; either sends an input stream if one of its
// arguments is an Input. Streams have flow control: neither side ever holds more than
// a window of values.
//
// The messages are JSON-RPC 2.0, one per line, as described in docs/protocol.md of
// weir. A line may be 64 MiB long and nested 1000 deep; a larger message fails only
// its own call.
package weir
