local function main(count, rounds)
    local events = process.events()
    local start = time.now()
    for _ = 1, tonumber(count) do
        process.spawn_monitored("bench:fib", "bench:processes", rounds)
    end
    for _ = 1, tonumber(count) do
        local event = events:receive()
        assert(not event.error, event.error)
    end
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
