local registry = require("registry")
local security = require("security")
local runner = require("runner")
local told = runner.told

local function apply(method, entry)
    local set = registry.snapshot():changes()
    local ok, err = set[method](set, entry)
    if err then
        return told(ok, err)
    end
    return told(set:apply())
end

local function policy(name, effect, resources, groups)
    return { id = "app:" .. name, kind = "security.policy", data = {
        policy = { actions = "test", resources = resources, effect = effect }, groups = groups or { "testers" } } }
end

local function main()
    local guest = security.new_actor("guest")
    local pid = process.with_context({}):with_actor(guest):with_scope(security.named_scope("app:guests"))
        :spawn_monitored("app:guest", "app:processes")
    print(told(runner.wait(pid)))
    print(registry.apply_version(0))

    print("-- policies that come and go")
    local function may(scope, what)
        return scope:evaluate(guest, "test", what)
    end
    print(told(security.named_scope("app:testers")))
    print(apply("create", policy("a", "allow", "a*")), may(security.named_scope("app:testers"), "ab"))
    local before = security.named_scope("app:testers")
    print(apply("create", policy("no_b", "deny", "ab")), may(security.named_scope("app:testers"), "ab"), may(before, "ab"))
    print(apply("update", policy("no_b", "deny", "ac")), may(security.named_scope("app:testers"), "ab"))
    print(apply("update", policy("no_b", "forbid", "ac")))
    print(apply("update", policy("no_b", "deny", "a*c")))
    print(apply("create", { id = "app:bad", kind = "security.policy", data = {} }))
    print(may(security.named_scope("app:testers"), "ab"), told(security.policy("app:bad")))
    print(apply("delete", "app:no_b"), told(security.policy("app:no_b")))
    print(registry.apply_version(2), may(security.named_scope("app:testers"), "ab"))
    print(registry.apply_version(0), told(security.named_scope("app:testers")), may(before, "ab"))

    print("-- hosts whose processes act for somebody")
    local function host(groups)
        return { id = "app:limited", kind = "process.host",
            data = { lifecycle = { security = { actor = { id = "limited", meta = { level = 1 } }, groups = groups } } } }
    end
    print(apply("create", host({ "nobody" })))
    print(apply("create", host({ "guests" })))
    print(apply("create", { id = "app:who", kind = "process.lua", data = { modules = { "security" },
        source = "return function() local a = require('security').actor() return a and a:id() .. a:meta().level end" } }))
    local function who()
        local pid = assert(process.spawn_monitored("app:who", "app:limited"))
        return told(runner.wait(pid))
    end
    print(who())
    print(apply("update", { id = "app:limited", kind = "process.host" }), who())
    print(apply("update", host({})), who())
    print(apply("update", host({ "guests" })), who())
    local set = registry.snapshot():changes()
    print(told(set:delete("app:reads"):delete("app:not_secret"):delete("app:changes"):apply()))
    print(apply("update", { id = "perilune:functions", kind = "process.host" }))
    print(apply("create", { id = "perilune:functions", kind = "process.host" }))
end

return { main = main }
