-- Sends in batches shorter than a slice, so that nothing but sending is timed.
local BATCH = 1000

local function main(sinks, count)
    local replies = process.listen("reply")
    local seconds, next = 0, 0
    for _ = 1, math.ceil(count / BATCH) do
        local start = time.now()
        for i = 1, BATCH do
            next = if next == #sinks then 1 else next + 1
            assert(process.send(sinks[next], "number", i))
        end
        seconds += time.now():sub(start):seconds()
        -- The one that was first in the queue has received all of its own before the last one answers.
        assert(process.send(sinks[#sinks], "call", process.pid()))
        replies:receive()
    end
    return tostring(seconds)
end

return { main = main }
