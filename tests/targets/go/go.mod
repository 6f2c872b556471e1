module stoker.example/go_stacks

go 1.21
