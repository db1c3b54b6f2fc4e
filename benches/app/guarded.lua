-- Starts a sender, within policies or without any, and tells how long it took.
local function main(count, how)
    local scopes = { everything = "bench:senders", attributes = "bench:friends" }
    local policies, receivers = how:match("^(%a*) (%d+)$")
    local spawner = process.with_context({})
    if scopes[policies] then
        spawner = spawner:with_actor(security.new_actor("sender", { role = "sender" }))
        spawner = spawner:with_scope(assert(security.named_scope(scopes[policies])))
    end
    local sinks = {}
    for i = 1, tonumber(receivers) do
        sinks[i] = assert(process.spawn("bench:sink", "bench:processes"))
    end
    assert(spawner:spawn_monitored("bench:batches", "bench:processes", sinks, tonumber(count)))
    local event = process.events():receive()
    for _, sink in sinks do
        process.terminate(sink)
    end
    assert(not event.error, event.error)
    return event.result.value
end

return { main = main }
