-- Waiting for the end of a worker: perilune run examples/monitored-worker
local time = require("time")

local function main()
    local events_ch = process.events()

    -- The monitor is in place before the worker's first instruction, so no end is missed.
    local worker_pid, err = process.spawn_monitored(
        "app.test.process:events_exit_worker",
        "app:processes"
    )
    if err then
        return false, "spawn failed: " .. err
    end

    -- Wait for EXIT event
    local timeout = time.after("3s")
    local result = channel.select {
        events_ch:case_receive(),
        timeout:case_receive(),
    }

    if result.channel == timeout then
        return false, "timeout waiting for EXIT event"
    end

    local event = result.value
    if event.kind == process.event.EXIT then
        print("Worker exited:", event.from)
        if event.error then
            print("Exit error:", event.error)
        else
            -- What the worker's main returned
            print("Exit value:", event.result.value)
        end
        return true
    end

    return false, "expected EXIT, got: " .. tostring(event.kind)
end

return { main = main }
