module example.org/weir/examples/trace

go 1.19

require weir.dev/weir v0.0.0

replace weir.dev/weir => ../../sdk/go
