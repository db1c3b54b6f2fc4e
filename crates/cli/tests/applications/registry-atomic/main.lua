local registry = require("registry")
local runner = require("runner")
local time = require("time")
local run, told = runner.run, runner.told

local function code(name, source, imports, kind)
    return { id = "app:" .. name, kind = kind or "process.lua", data = { source = source, imports = imports } }
end

--- Everything that can be seen of the entries.
local function seen()
    local names = {}
    for _, entry in ipairs(registry.find({})) do
        table.insert(names, entry.id)
    end
    return table.concat(names, " ") .. " in " .. tostring(registry.current_version()) .. " of " .. #registry.versions()
end

--- Applies a good entry together with what `fill` adds, which is not.
local function refused(fill)
    local before = seen()
    local changes = registry.snapshot():changes()
    changes:create(code("good", "return function() return 'good' end"))
    local _, err = fill(changes)
    if err then
        return print("refused at once:", told(nil, err))
    end
    local version, problem = changes:apply()
    print(told(version, problem))
    assert(seen() == before, "something has changed")
    assert(registry.get("app:good") == nil and run("app:good") == nil)
    return changes, problem
end

local function main()
    print(seen())
    refused(function(c) return c:update(code("nowhere", "")) end)
    refused(function(c) return c:delete("app:nowhere") end)
    refused(function(c) return c:create(code("main", "")) end)
    refused(function(c) return c:create(code("a", "return {")) end)
    refused(function(c) return c:create(code("a", ("("):rep(100000))) end)
    refused(function(c) return c:create(code("a", "", { runer = "runer" })) end)
    refused(function(c) return c:create(code("a", "", { main = "main" })) end)
    refused(function(c) return c:create(code("a", "", { process = "runner" })) end)
    refused(function(c) return c:create(code("a", "", { a = "a" }, "library.lua")) end)
    refused(function(c) return c:delete("app:runner") end)
    refused(function(c) return c:update({ id = "app:runner", kind = "app.data" }) end)
    refused(function(c) return c:create({ id = "app:h", kind = "process.host", data = { isolation = "dedicated" } }) end)
    local changes, problem = refused(function(c)
        c:create(code("a", "return {"))
        c:create(code("b", "return }"))
        return c
    end)
    print(#problem:details().problems, problem:retryable())

    -- What was refused may be put right.
    changes:update(code("a", "return function() return 'a' end")):delete("app:b")
    print(changes:apply(), told(run("app:a")), told(run("app:good")))
    registry.apply_version(0)

    -- Two that come at once: one after the other.
    local done = channel.new()
    for n = 1, 20 do
        coroutine.spawn(function()
            local set = registry.snapshot():changes()
            set:create(code("same", "return function() return 'same' end"))
            set:create(code("own" .. n, ""))
            local version, err = set:apply()
            done:send(version and version:id() or err:kind())
        end)
    end
    local counts = {}
    for _ = 1, 20 do
        local result = done:receive()
        counts[type(result)] = (counts[type(result)] or 0) + 1
    end
    print(counts.number, counts.string, #registry.find({ ["^.name"] = "own" }), registry.current_version())

    -- A change set that is being applied is left alone.
    local set = registry.snapshot():changes():create(code("late", ""))
    coroutine.spawn(function() done:send(told(set:apply())) end)
    print(told(set:apply()), told(set:delete("app:late")))
    print(done:receive())

    -- Whoever ends while it is applied changes nothing about it.
    local ender = code("ender", [[
        local registry = require("registry")
        return function()
            coroutine.spawn(function()
                registry.snapshot():changes():create({ id = "app:left", kind = "app.data" }):apply()
            end)
        end
    ]])
    ender.data.modules = { "registry" }
    registry.snapshot():changes():create(ender):apply()
    print(told(run("app:ender")))
    while not registry.get("app:left") do
        time.sleep("1ms")
    end
    print(registry.current_version())
end

return { main = main }
