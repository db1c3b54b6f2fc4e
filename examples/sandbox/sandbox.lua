local security = require("security")

local function main()
    local store = process.spawn("app:store", "app:processes", process.pid())

    -- For whom the plugin acts, and within which policies. It cannot get rid of either.
    local actor = security.new_actor("plugin", { store = store })
    local scope = security.named_scope("app:plugins")

    local spawner = process.with_context({}):with_actor(actor):with_scope(scope)
    spawner:spawn_monitored("app:plugin", "app:processes", store, process.pid())

    local event = process.events():receive()
    for _, line in event.result.value do print(line) end
    local stored = process.listen("stored"):receive()
    print("the store has: " .. stored)
    return true
end

return { main = main }
