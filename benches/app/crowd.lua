-- Starts idle processes and waits until it is told to end.
local function main(count)
    local start = time.now()
    local members = {}
    for i = 1, tonumber(count) do
        members[i] = assert(process.spawn("bench:idle", "bench:processes"))
    end
    local seconds = time.now():sub(start):seconds()
    process.registry.register("crowd")
    process.inbox():receive()
    for _, member in members do
        process.terminate(member)
    end
    return tostring(seconds)
end

return { main = main }
