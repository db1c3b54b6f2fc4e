-- Watching workers that are already running: perilune run examples/explicit-monitor

local function main()
    local events_ch = process.events()

    -- Spawn without monitoring
    local worker_pid, err = process.spawn("app.test.process:long_worker", "app:processes", "watched")
    if err then
        return false, "spawn failed: " .. err
    end
    local other_pid, other_err = process.spawn("app.test.process:long_worker", "app:processes", "not watched")
    if other_err then
        return false, "spawn failed: " .. other_err
    end

    -- Add monitoring explicitly
    for _, pid in ipairs({ worker_pid, other_pid }) do
        local ok, monitor_err = process.monitor(pid)
        if monitor_err then
            return false, "monitor failed: " .. monitor_err
        end
    end
    print("Monitoring two workers")

    -- Stop monitoring one of them: its end will not be told.
    local ok, unmonitor_err = process.unmonitor(other_pid)
    if not ok then
        return false, "unmonitor failed: " .. unmonitor_err
    end
    print("Monitoring one worker")

    -- Both end; one EXIT event arrives.
    process.send(other_pid, "stop")
    process.send(worker_pid, "stop")
    local event = events_ch:receive()
    if event.kind == process.event.EXIT then
        print("Worker exited:", event.result.value)
    end

    -- A process that has ended cannot be monitored any more.
    local _, late_err = process.monitor(worker_pid)
    print("Monitoring it again:", late_err)

    return true
end

return { main = main }
