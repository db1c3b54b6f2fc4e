-- What stands at the top level is done before anybody is told that the service runs.
assert(process.registry.register("store"))

local function main()
    local add = process.listen("add")
    local events = process.events()
    local count = 0
    while true do
        local result = channel.select({ add:case_receive(), events:case_receive() })
        if result.channel == events then
            return count
        end
        count += 1
        process.send(result.value.from, "total", count)
    end
end

return { main = main }
