local function main(count)
    local events = process.events()
    local start = time.now()
    for _ = 1, tonumber(count) do
        process.spawn_monitored("bench:nothing", "bench:processes")
        events:receive()
    end
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
