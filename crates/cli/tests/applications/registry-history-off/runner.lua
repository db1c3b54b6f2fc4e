local runner = {}

local ended = {}

--- Runs a process to its end: its value, or nil and the error.
function runner.run(id, ...)
    local pid, err = process.spawn_monitored(id, "app:processes", ...)
    if err then
        return nil, err
    end
    return runner.wait(pid)
end

--- Waits for the end of a monitored process.
function runner.wait(pid)
    while not ended[pid] do
        local event = process.events():receive()
        if event.kind == process.event.EXIT then
            ended[event.from] = event
        end
    end
    return ended[pid].result.value, ended[pid].error
end

--- A failure on one line.
function runner.told(value, err)
    if err then
        return tostring(value) .. ", " .. err:kind() .. ": " .. err
    end
    return tostring(value)
end

return runner
