-- Echoes while endless loops keep the workers busy. Returns percentiles of the round trips, in milliseconds. Pauses let
-- each begin at any moment of a slice: one right after the other would all be over before a loop gets its next turn.
local function main(count, how)
    local loops, partner = how:match("^(%d+) (%a+)$")
    local spinning = {}
    for i = 1, tonumber(loops) do
        spinning[i] = assert(process.spawn("bench:endless", "bench:spread"))
    end
    local beside = process.with_options({ placement = partner })
    -- The first one in turn may be on this process's worker; the second one is on the other, if there are two.
    local first = if partner == "spread" then assert(beside:spawn("bench:idle", "bench:processes")) else nil
    local echo = assert(beside:spawn("bench:echo", "bench:processes"))
    local replies = process.listen("reply")
    local trips = {}
    for i = 1, tonumber(count) do
        time.sleep(math.random(1, 5000) .. "us")
        local start = time.now()
        process.send(echo, "call", i)
        assert(replies:receive() == i)
        trips[i] = time.now():sub(start):seconds() * 1000
    end
    table.sort(trips)
    for _, process_id in spinning do
        process.terminate(process_id)
    end
    process.terminate(echo)
    if first then process.terminate(first) end
    local function at(share) return trips[math.max(1, math.ceil(#trips * share))] end
    return string.format("%.3f %.3f %.3f", at(0.5), at(0.99), at(1))
end

return { main = main }
