-- A worker that echoes: perilune run examples/echo

local function main()
    -- Answers arrive on the topic "reply". A message is kept until somebody receives it,
    -- so it does not matter whether one listens before or after it was sent.
    local replies = process.listen("reply")

    -- An entry is instantiated on a host. The new process shares nothing with this one.
    local pid, err = process.spawn("app.test.process:echo_worker", "app:processes")
    if err then
        return false, "spawn failed: " .. err
    end

    -- pid is a string identifier for the spawned process
    print("Started worker:", pid)

    local sent, send_err = process.send(pid, "echo", "hello from parent")
    if not sent then
        return false, "send failed: " .. send_err
    end

    -- Without options, a listener receives the payload itself.
    local reply = replies:receive()
    print("Received:", reply)

    return true
end

return { main = main }
