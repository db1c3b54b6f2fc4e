-- Registers names, finds all of them, and gives them up again.
local function main(count)
    local me = process.pid()
    count = tonumber(count)
    local start = time.now()
    for i = 1, count do
        assert(process.registry.register("name " .. i))
    end
    for i = 1, count do
        assert(process.registry.lookup("name " .. i) == me)
    end
    for i = 1, count do
        assert(process.registry.unregister("name " .. i))
    end
    local seconds = time.now():sub(start):seconds()
    assert(not process.registry.lookup("name " .. count))
    return tostring(seconds)
end

return { main = main }
