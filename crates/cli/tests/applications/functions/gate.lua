return function(parent, number)
    process.send(parent, "entered", { number = number, pid = process.pid() })
    return process.listen("go"):receive()
end
