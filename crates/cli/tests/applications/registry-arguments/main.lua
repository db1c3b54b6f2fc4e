local registry = require("registry")

local function told(ok, value, err)
    if not ok then
        return "raises " .. tostring(value)
    elseif err then
        return tostring(value) .. ", " .. err:kind() .. ": " .. err
    end
    return tostring(value)
end

local function try(what, work, ...)
    print(what .. ":", told(pcall(work, ...)))
end

local function entry(change)
    local made = { id = "app:x", kind = "process.lua", meta = {}, data = { source = "" } }
    for key, value in pairs(change) do
        made[key] = value
    end
    return made
end

local function main()
    local changes = registry.snapshot():changes()
    local nested = {}
    for _ = 1, 150 do
        nested = { nested }
    end
    local itself = { a = {} }
    itself.a.b = itself
    local growing = { { x = 1 } }
    for n = 2, 40 do
        growing[n] = { growing[n - 1], growing[n - 1] }
    end

    print("-- entries")
    for _, case in ipairs({
        { "no table", 5 },
        { "nil", nil },
        { "no id", { kind = "x" } },
        { "no kind", { id = "app:x" } },
        { "empty kind", entry({ kind = "" }) },
        { "kind of another type", entry({ kind = 5 }) },
        { "id of another type", entry({ id = true }) },
        { "id without namespace", entry({ id = "x" }) },
        { "id without name", entry({ id = "app:" }) },
        { "id in parts", entry({ id = { ns = "app" } }) },
        { "namespace with a colon", entry({ id = { ns = "a:b", name = "x" } }) },
        { "id that is not UTF-8", entry({ id = "app:\255" }) },
        { "id with a line end", entry({ id = "app:a\nb" }) },
        { "long id", entry({ id = "app:" .. ("x"):rep(3000) }) },
        { "configuration outside of data", entry({ source = "x" }) },
        { "meta of another type", entry({ meta = 5 }) },
        { "meta as a list", entry({ meta = { 1, 2 } }) },
        { "data of another type", entry({ data = "x" }) },
        { "no data", { id = "app:x", kind = "process.lua" } },
        { "no source", entry({ data = {} }) },
        { "source of another type", entry({ data = { source = 5 } }) },
        { "source that is not UTF-8", entry({ data = { source = "\255" } }) },
        { "source in a file", entry({ data = { source = "file://x.lua" } }) },
        { "modules of another type", entry({ data = { source = "", modules = "time" } }) },
        { "modules with a number", entry({ data = { source = "", modules = { 1 } } }) },
        { "imports as a list", entry({ data = { source = "", imports = { "a" } } }) },
        { "command without name", entry({ meta = { command = { main = true } } }) },
        { "function in data", entry({ data = { source = "", f = print } }) },
        { "deep function in meta", entry({ meta = { a = { b = { print } } } }) },
        { "coroutine", entry({ data = coroutine.create(print) }) },
        { "buffer", entry({ data = { source = "", deep = { b = buffer.create(2) } } }) },
        { "error", entry({ data = { source = "", e = errors.new("x") } }) },
        { "deep nesting", entry({ meta = { nested = nested } }) },
        { "a cycle", entry({ meta = itself }) },
        { "a small table many times", entry({ meta = { growing = growing } }) },
        { "names and places", entry({ meta = { x = { 1, a = 2 } } }) },
        { "keys of another type", entry({ meta = { [true] = 1 } }) },
        { "holes", entry({ meta = { x = { [1] = 1, [3] = 3 } } }) },
    }) do
        try(case[1], changes.create, changes, case[2])
    end
    print(changes, #changes:ops())
    try("unknown kind", changes.create, changes, { id = "app:free", kind = "anything", data = "text" })
    try("operations for entries", registry.build_delta, {}, changes:ops())

    print("-- functions")
    try("get(nil)", registry.get, nil)
    try("get()", registry.get)
    try("get(number)", registry.get, 5)
    try("get(table)", registry.get, {})
    try("get(boolean)", registry.get, true)
    try("get(not UTF-8)", registry.get, "\255")
    try("parse_id(nil)", registry.parse_id, nil)
    try("snapshot_at(text)", registry.snapshot_at, "x")
    try("snapshot_at(number as text)", registry.snapshot_at, "1")
    try("snapshot_at(table)", registry.snapshot_at, {})
    try("apply_version()", registry.apply_version)
    try("apply_version(table)", registry.apply_version, {})
    try("apply_version(0.5)", registry.apply_version, 0.5)
    try("apply_version(-1)", registry.apply_version, -1)
    try("apply_version(2^60)", registry.apply_version, 2 ^ 60)
    try("build_delta()", registry.build_delta)
    try("build_delta({}, 1)", registry.build_delta, {}, 1)
    try("build_delta(text in a list)", registry.build_delta, { "x" }, {})
    try("build_delta(no entry)", registry.build_delta, {}, { {} })
    try("build_delta(twice)", registry.build_delta, {}, { entry({}), entry({}) })
    local version, history, snapshot = registry.current_version(), registry.history(), registry.snapshot()
    try("version.id(nil)", version.id, nil)
    try("version.id(snapshot)", version.id, snapshot)
    try("snapshot.get(changes)", snapshot.get, changes, "app:x")
    try("snapshot:get()", snapshot.get, snapshot)
    try("snapshot:find(5)", snapshot.find, snapshot, 5)
    try("snapshot:namespace()", snapshot.namespace, snapshot)
    try("history:get_version()", history.get_version, history)
    try("history:get_version(9)", history.get_version, history, 9)
    try("history:snapshot_at(0)", history.snapshot_at, history, 0)
    try("changes:delete()", changes.delete, changes)
    try("changes:delete(5)", changes.delete, changes, 5)
    try("changes.apply(snapshot)", changes.apply, snapshot)
    try("changes.apply()", changes.apply)

    print("-- where nobody can wait")
    local waits = setmetatable({}, { __index = function(_, name) return (changes[name](changes)) end })
    try("apply in a metamethod", function() return waits.apply end)
    local finds = setmetatable({}, { __index = function(_, key) return #registry.find({ [key] = "main" }) end })
    try("find in a metamethod", function() return finds[".name"] end)
    try("find by pattern in a metamethod", function() return finds["~.name"] end)
    try("apply in a generator", function()
        return coroutine.wrap(function() coroutine.yield((changes:apply())) end)()
    end)

    print("-- objects")
    for _, object in ipairs({ version, history, snapshot, changes }) do
        print(type(object), tostring(object), getmetatable(object), pcall(function() object.x = 1 end))
    end
    try("a module cannot be changed", function() registry.get = nil end)
    process.send(process.pid(), "self", { version, snapshot, kept = changes })
    local got = process.listen("self"):receive()
    print(got[1], got[2], got.kept)

    print("-- anything")
    local anything = { nil, 0, -1, 0 / 0, 1 / 0, "", "\0", ("x"):rep(100000), {}, { {} }, { id = {} }, print, version, history,
        snapshot, changes, buffer.create(1), coroutine.create(print), true, vector.create(1, 2, 3) }
    local count = 0
    for _, object in ipairs({ registry, version, history, snapshot, registry.snapshot():changes() }) do
        for _, name in ipairs({ "get", "find", "parse_id", "snapshot_at", "apply_version", "build_delta", "get_version",
            "create", "update", "delete", "namespace", "previous", "string", "versions", "changes", "ops" }) do
            local found, method = pcall(function() return object[name] end)
            for first = 1, 20 do
                if found and method then
                    pcall(method, object, anything[first], anything[21 - first])
                    pcall(method, anything[first], anything[21 - first])
                    count = count + 2
                end
            end
        end
    end
    print(count, registry.current_version())
end

return { main = main }
