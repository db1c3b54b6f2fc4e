local security = require("security")

local host = "app:processes"
local runs = 0

-- Lets somebody within that scope do everything there is.
local function run(scope)
    runs += 1
    local name, targets = "target/" .. runs, {}
    for i = 1, 5 do
        targets[i] = process.spawn("app:idle", host)
    end
    process.registry.register(name, targets[1])
    process.registry.register(name .. "/spare", targets[1])
    local spawner = process.with_context({}):with_actor(security.new_actor("subject")):with_scope(scope)
    spawner:spawn_monitored("app:subject", host, targets, name)
    local event = process.events():receive()
    for _, target in targets do
        process.terminate(target)
    end
    return assert(event.result.value, event.error)
end

local function sorted(names)
    local list = {}
    for name in names do
        table.insert(list, name)
    end
    table.sort(list)
    return table.concat(list, ", ")
end

local function main()
    local everything = assert(security.named_scope("may:everything"))
    local all = run(everything)
    print("with everything: " .. (if next(all.refused) then sorted(all.refused) else "nothing refused"))
    for name, problem in all.failed do
        print(name .. ": " .. problem)
    end

    for _, policy in everything:policies() do
        local action = policy:id():match(":(.*)")
        local result = run(everything:without(policy))
        print(("without %s: %s"):format(action, sorted(result.refused)))
        for name, needs in all.needs do
            local expected = if table.find(needs, action) then action else nil
            if result.refused[name] ~= expected then
                print("WRONG", name, expected, result.refused[name])
            end
        end
    end
    return true
end

return { main = main }
