// Package weir has functions called across processes: those of a Go program by
// others (Main), and those that `weir serve` offers by a Go program (Dial).
//
// A worker is a program that answers calls on its standard input and output. Its
// functions have four shapes, by what streams they have:
//
//	          value out   stream out
//	value in  Func        Source
//	stream in Sink        Duplex
//
// A client has two, Call and Stream; either sends an input stream when one of its
// arguments is an Input. Streams wait for their reader: neither side ever holds
// more than a window of values.
//
// The messages are JSON-RPC 2.0, one a line, as docs/protocol.md of weir says. A
// line may be 64 MiB long and nested 1000 deep; what would not fit is an error of
// that call alone.
package weir
