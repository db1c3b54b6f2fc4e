local function show(what, value, err)
    if err then return print(what, err:kind(), err:message()) end
    print(what, value)
end

local function main()
    -- only what is declared is visible
    print("PATH", #env.get("PATH") > 0)
    show("HOME", env.get("HOME"))
    show("memory", env.get("app:memory"))
    -- defaults, by name and by entry
    for _, name in { "PORT", "DEBUG", "ratio", "CONSTANT", "app:port", "app:constant", "app:token" } do
        show(name, env.get(name))
    end
    show("TOKEN", env.get("TOKEN"))
    -- what can be set
    show("set", env.set("PORT", 9090))
    show("set", env.set("app:ratio", ""))
    show("set", env.set("PERILUNE_NOT_SET", "a\0b"))
    show("get", env.get("ratio"))
    print("get", env.get("PERILUNE_NOT_SET") == "a\0b", env.get("app:layered") == "a\0b")
    -- and what cannot
    show("set", env.set("FIXED", "y"))
    show("set", env.set("PATH", "y"))
    show("set", env.set("CONSTANT", "y"))
    show("set", env.set("HOME", "y"))
    show("set", env.set("", "y"))
    show("FIXED", env.get("FIXED"))
    -- one environment for all
    process.spawn_monitored("app:child", "app:processes")
    print("child", process.events():receive().result.value, env.get("TOKEN"))
    local all = env.get_all()
    local names = {}
    for name, value in all do
        if name ~= "PATH" then
            table.insert(names, name)
        end
    end
    table.sort(names)
    print(table.concat(names, " "), all.PATH == env.get("PATH"), all.PORT)
    -- within policies
    local guest = process.with_context({}):with_actor(security.new_actor("guest"))
    guest:with_scope(security.named_scope("app:guests")):spawn_monitored("app:guest", "app:processes")
    print(process.events():receive().result.value)
end

return { main = main }
