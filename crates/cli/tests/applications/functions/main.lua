local funcs = require("funcs")

local function show(value, err) print(value, err and err:kind() .. ": " .. err:message(), err and err:retryable()) end

local function main()
    show(funcs.call("app:double", 21))
    show(funcs.call("app:named"))
    show(funcs.call("app:worker"))
    show(funcs.call("app:homeless"))
    show(funcs.call("app:library"))
    show(funcs.call("app:broken"))
    show(funcs.call("app:nothing"))
    show(process.spawn("app:double", "app:processes"))

    -- two run at once, one waits for its turn, the next is turned away
    local entered = process.listen("entered")
    local futures = {}
    for number = 1, 3 do futures[number] = assert(funcs.async("app:gate", process.pid(), number)) end
    local running = { entered:receive(), (entered:receive()) }
    table.sort(running, function(a, b) return a.number < b.number end)
    print(running[1].number, running[2].number, channel.select({ entered:case_receive(), default = true }).default)
    show(funcs.async("app:gate", process.pid(), 4))
    process.send(running[1].pid, "go", "through")
    print(futures[1]:channel():receive():data())
    local third = entered:receive()
    print(third.number)
    -- what waits can be canceled, and so can what runs
    local waits = assert(funcs.async("app:gate", process.pid(), 5))
    waits:cancel()
    futures[2]:cancel()
    process.send(third.pid, "go", "also")
    print(futures[3]:channel():receive():data())
    local last = assert(funcs.async("app:gate", process.pid(), 6))
    local sixth = entered:receive()
    print(sixth.number)
    process.send(sixth.pid, "go", "at last")
    print(last:channel():receive():data(), waits:is_canceled(), futures[2]:is_canceled())

    -- a process is asked to stop
    local saw = process.listen("worker saw")
    local future = assert(funcs.async("app:worker", "wait"))
    future:cancel()
    print(saw:receive() == process.event.CANCEL)
    return true
end

return { main = main }
