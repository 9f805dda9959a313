module example.org/weir/examples/verify

go 1.19
