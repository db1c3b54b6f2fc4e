-- The store runs already: this service depends on it.
local store = assert(process.registry.lookup("store"))
assert(process.registry.register("desk"))

local function main(word)
    local visits = process.listen("visit")
    local totals = process.listen("total")
    local crash = process.listen("crash")
    local events = process.events()
    while true do
        local result = channel.select({ visits:case_receive(), crash:case_receive(), events:case_receive() })
        if result.channel == events then
            -- Asked to end: there is time to say goodbye.
            process.send("guest", "goodbye", result.value.reason)
            return
        elseif result.channel == crash then
            error("the desk fell over")
        end
        process.send(store, "add", { from = process.pid() })
        process.send(result.value, "visited", word .. " " .. totals:receive())
    end
end

return { main = main }
