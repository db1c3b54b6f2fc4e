local ENTRIES = 20000

local function fill()
    if registry.get("bench:entry1") then
        return
    end
    local changes = registry.snapshot():changes()
    changes:create({ id = "bench:shared", kind = "library.lua", data = { source = "return 1" } })
    for n = 1, ENTRIES do
        changes:create({ id = "bench:entry" .. n, kind = "bench.data", meta = { number = n } })
    end
    for n = 1, 100 do
        changes:create({ id = "bench:user" .. n, kind = "process.lua", data = { source = "", imports = { shared = "shared" } } })
    end
    assert(changes:apply())
end

local function change(entry)
    assert(registry.snapshot():changes():update(entry):apply())
end

local doing = {
    get = function(n)
        assert(registry.get("bench:entry" .. n % ENTRIES + 1))
    end,
    find = function(n)
        assert(#registry.find({ ["meta.number"] = n % ENTRIES + 1 }) == 1)
    end,
    ["find by pattern"] = function(n)
        assert(#registry.find({ ["~.name"] = "^entry" .. n % ENTRIES + 1 .. "$" }) == 1)
    end,
    change = function(n)
        change({ id = "bench:entry1", kind = "bench.data", meta = { number = 1, changed = n } })
    end,
    ["change a library"] = function(n)
        change({ id = "bench:shared", kind = "library.lua", data = { source = "return " .. n } })
    end,
}

local function main(count, what)
    fill()
    local work = doing[what]
    local start = time.now()
    for n = 1, tonumber(count) do
        work(n)
    end
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
