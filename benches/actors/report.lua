local report = {}

-- Seconds that a function takes.
function report.time(run)
    local start = time.now()
    run()
    return time.now():sub(start):seconds()
end

-- The last line of a workload.
function report.line(workload, variant, value, unit)
    print(string.format("%s %s %.4f %s", workload, variant or "-", value, unit))
end

-- Refuses a variant that a workload does not have.
function report.variant(given, ...)
    local variants = { ... }
    local variant = given or variants[1]
    if not table.find(variants, variant) then
        error("variant must be one of " .. table.concat(variants, ", "), 0)
    end
    return variant
end

-- How many round trips a second two processes on `host` make with a value.
function report.round_trips(host, count, value)
    local echo = assert(process.spawn("actors:echo", host))
    local pinger = assert(process.spawn("actors:pinger", host, echo, process.pid()))
    process.send(echo, "peer", pinger)
    local ready, done = process.listen("ready"), process.listen("done")
    ready:receive()
    local seconds = report.time(function()
        process.send(pinger, "go", { count = count, value = value })
        done:receive()
    end)
    process.terminate(echo)
    return count / seconds
end

return report
