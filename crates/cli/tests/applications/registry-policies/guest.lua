local registry = require("registry")
local told = require("runner").told

local function names(entries)
    local found = {}
    for _, entry in ipairs(entries) do
        table.insert(found, entry.id)
    end
    return table.concat(found, " ")
end

local function main()
    local lines = {}
    local function say(...)
        table.insert(lines, table.concat({ ... }, "  "))
    end
    say(told(registry.get("app:secret")), told(registry.get("app:secret_that_is_not_there")))
    say(registry.get("app:open").id, told(registry.get("app:opened")), told(registry.get("nowhere:x")))
    say(names(registry.find({ [".kind"] = "app.data" })), names(registry.find({ ["~.name"] = "secret" })))
    local snapshot = registry.snapshot()
    say(told(snapshot:get("app:secret")), names(snapshot:find({ ["*.name"] = "e" })), tostring(#snapshot:entries()))
    say(names(snapshot:namespace("app")))
    say(told(registry.snapshot_at(1)))
    local function apply(fill)
        local set = snapshot:changes()
        fill(set)
        return told(set:apply())
    end
    local function data(name)
        return { id = "app:" .. name, kind = "app.data" }
    end
    say(apply(function(set) set:create(data("guests_first")) end))
    say(apply(function(set) set:create(data("guests_second")):create(data("own")) end))
    say(apply(function(set) set:delete("app:secret") end))
    say(apply(function(set) set:delete("app:nothing") end))
    say(told(registry.get("app:guests_second")), told(registry.apply_version(0)))
    local set = registry.snapshot():changes():create(data("secret_too"))
    local refused, err = set:apply()
    say(tostring(refused), err:details().action, err:details().resource)
    return table.concat(lines, "\n")
end

return { main = main }
