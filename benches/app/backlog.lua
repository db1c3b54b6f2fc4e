-- Fills its own mailbox and takes the time to empty it, in order.
local function main(count)
    local me = process.pid()
    count = tonumber(count)
    for i = 1, count do
        assert(process.send(me, "number", i))
    end
    local inbox = process.inbox()
    local start = time.now()
    for i = 1, count do
        assert(inbox:receive():payload() == i)
    end
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
