local env = require("env")
local registry = require("registry")

local function told(value, err)
    if err then
        return tostring(value) .. ", " .. err:kind() .. ": " .. err
    end
    return tostring(value)
end

local function change(fill)
    local set = registry.snapshot():changes()
    fill(set)
    return told(set:apply())
end

local function variable(name, data)
    return { id = "app:" .. name, kind = "env.variable", data = data }
end

local function main()
    print(told(env.get("COLOUR")), told(env.get("SIZE")))
    print(change(function(set) set:create(variable("SIZE", { default = 5 })) end), told(env.get("SIZE")))
    print(told(env.set("COLOUR", "green")))

    -- What a storage holds stays in it while it is there.
    print(change(function(set) set:update(variable("COLOUR", { storage = "memory", default = "blue", read_only = true })) end))
    print(told(env.get("COLOUR")), told(env.set("COLOUR", "grey")))
    print(change(function(set) set:delete("app:memory") end))
    print(change(function(set) set:create({ id = "app:router", kind = "env.storage.router", data = { storages = { "router" } } }) end))
    print(change(function(set)
        set:delete("app:memory")
        set:update(variable("COLOUR", { default = "blue" }))
    end), told(env.get("COLOUR")))
    print(registry.apply_version(0), told(env.get("COLOUR")), told(env.get("SIZE")))
end

return { main = main }
