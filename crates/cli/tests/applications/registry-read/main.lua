local registry = require("registry")
local text = require("text")

local function ids(entries, err)
    if err then
        return "nil, " .. err:kind() .. ": " .. err
    end
    local found = {}
    for _, entry in ipairs(entries) do
        table.insert(found, entry.id)
    end
    return table.concat(found, " ")
end

-- At the top of a chunk nobody can wait, and nobody has to.
local at_load = ids(registry.find({ [".kind"] = "library.lua" }))

local function failed(value, err)
    return value, err and err:kind(), tostring(err)
end

local function main()
    print("at load", at_load)
    local colours = registry.get("app:colours")
    print(colours.id, colours.kind, text.of(colours.meta), text.of(colours.data))
    print(text.of(registry.get("app:plain").data), text.of(registry.get({ ns = "app", name = "processes" }).data))
    print((registry.get("lib.text:text").data.source:gsub("\n.*", "")))
    print(failed(registry.get("app:colour")))
    print(failed(registry.get("")))
    colours.data.words.a = "changed"
    print("a copy", registry.get("app:colours").data.words.a)

    print("-- find")
    for _, filter in ipairs({
        { [".kind"] = "app.data" },
        { [".name"] = "main" },
        { [".ns"] = "lib.text" },
        { [".ns"] = "lib" },
        { [".id"] = "app:main" },
        { [".id"] = "app:main", [".kind"] = "app.data" },
        { ["~.name"] = "^(main|plain)$" },
        { ["*.name"] = "la" },
        { ["^.ns"] = "lib" },
        { ["$.kind"] = ".lua" },
        { ["meta.tags"] = "green" },
        { ["^meta.tags"] = "te" },
        { ["~meta.tags"] = "^.{3,4}$" },
        { ["meta.order"] = 3 },
        { ["meta.order"] = "3" },
        { ["^meta.order"] = "1" },
        { ["meta.on"] = true },
        { ["meta.on"] = false },
        { ["meta.deep.level.name"] = "x1" },
        { ["meta.suite"] = "reading", ["$.kind"] = ".host" },
        { ["meta.command.name"] = "main" },
        { ["meta.nothing"] = "x" },
        { suite = "x", [".unknown"] = "y", ["~"] = "z", [1] = 2, [".meta.suite"] = 3, [".kind"] = "app.data" },
        { [".kind"] = "nothing" },
    }) do
        print(ids(registry.find(filter)))
    end
    print(#registry.find({}), ids(registry.find({ suite = {} })))
    print(failed(registry.find()))
    print(failed(registry.find("kind")))
    print(failed(registry.find({ ["~.name"] = "(" })))
    print(failed(registry.find({ ["~.name"] = string.rep("x", 5000) })))
    print(failed(registry.find({ ["meta.tags"] = {} })))
    print(failed(registry.find({ ["*meta.tags"] = true })))
    print(select(2, registry.find({ ["~.name"] = "(\\w{1000}){1000}" })):kind())

    print("-- ids")
    print(text.of(registry.parse_id("app:colours")), text.of(registry.parse_id("a.b:c:d")), text.of(registry.parse_id("x")))
    print(failed(registry.parse_id("")))

    print("-- snapshot")
    local snapshot = registry.snapshot()
    print(snapshot, snapshot:version(), type(snapshot), #snapshot:entries(), snapshot:get("app:main").kind)
    print(ids(snapshot:namespace("app")), ids(snapshot:namespace("lib")), ids(snapshot:namespace("")))
    print(ids(snapshot:find({ ["*.id"] = "text" })))
    print(failed(snapshot:get("app:x")))
    print(snapshot:changes(), #snapshot:changes():ops())
    local version = registry.current_version()
    print(version, version:id(), version:string(), version:previous(), version:next(), #registry.versions())
    print(registry.history(), registry.history():get_version(0) == version, #registry.history():versions())
    print(registry.history():snapshot_at(version))
    for _, bad in ipairs({ -1, 0, 1, 0.5, 1e300, 0 / 0 }) do
        print(failed(registry.snapshot_at(bad)))
    end
    print(failed(registry.snapshot_at(nil)))
end

return { main = main }
