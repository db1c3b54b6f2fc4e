local env = require("env")
local events = require("events")
local exec = require("exec")
local fs = require("fs")
local funcs = require("funcs")
local registry = require("registry")
local security = require("security")
local supervise = require("supervise")

-- Everything that asks for permission, and what it asks for. `targets` has a process for each of those that need one.
return function(targets, name)
    local host, actor, scope = "app:processes", security.actor(), security.scope()
    local spawn = { "process.spawn", "process.host" }
    local monitored = { "process.spawn", "process.spawn.monitored", "process.host" }
    local linked = { "process.spawn", "process.spawn.linked", "process.host" }
    local both = { "process.spawn", "process.spawn.monitored", "process.spawn.linked", "process.host" }

    local function builder(set, ...)
        local new = process.with_context({ key = 1 })
        return if set then new[set](new, ...) else new
    end
    local function build(needs, ...)
        local all = table.clone(needs)
        for _, need in { "process.context", ... } do
            table.insert(all, need)
        end
        return all
    end

    local all = {
        { "spawn", spawn, process.spawn, "app:brief", host },
        { "spawn_monitored", monitored, process.spawn_monitored, "app:brief", host },
        { "spawn_linked", linked, process.spawn_linked, "app:brief", host },
        { "spawn_linked_monitored", both, process.spawn_linked_monitored, "app:brief", host },
        { "call", { "process.call", "process.host" }, process.call, "app:brief", host },
        { "exec", { "process.call", "process.host" }, process.exec, "app:brief", host },
        { "send", { "process.send" }, process.send, targets[1], "topic" },
        { "send by name", { "process.send" }, process.send, name, "topic" },
        { "terminate", { "process.terminate" }, process.terminate, targets[2] },
        { "cancel", { "process.cancel" }, process.cancel, targets[3] },
        { "monitor", { "process.monitor" }, process.monitor, targets[4] },
        { "unmonitor", { "process.unmonitor" }, process.unmonitor, targets[4] },
        { "link", { "process.link" }, process.link, targets[5] },
        { "unlink", { "process.unlink" }, process.unlink, targets[5] },
        { "with_context", { "process.context" }, builder },
        { "builder: spawn", build(spawn), function() return builder():spawn("app:brief", host) end },
        { "builder: spawn_monitored", build(monitored), function()
            return builder():spawn_monitored("app:brief", host)
        end },
        { "builder: spawn_linked", build(linked), function() return builder():spawn_linked("app:brief", host) end },
        { "builder: spawn_linked_monitored", build(both), function()
            return builder():spawn_linked_monitored("app:brief", host)
        end },
        { "builder: spawn with a name", build(spawn, "process.registry.register"), function()
            return builder("with_name", name .. "/child"):spawn("app:brief", host)
        end },
        { "register", { "process.registry.register" }, process.registry.register, name .. "/own" },
        { "register another", { "process.registry.register" }, process.registry.register, name .. "/its", targets[1] },
        { "lookup", {}, process.registry.lookup, name },
        { "unregister", { "process.registry.unregister" }, process.registry.unregister, name .. "/spare" },
        { "get_options", {}, process.get_options },
        { "funcs.call", { "funcs.call" }, funcs.call, "app:double", 2 },
        { "funcs.call of a process", { "funcs.call" }, funcs.call, "app:brief" },
        { "funcs.async", { "funcs.call" }, funcs.async, "app:double", 2 },
        { "executor: call", { "funcs.call" }, function() return funcs.new():call("app:double", 2) end },
        { "executor: async", { "funcs.call" }, function() return funcs.new():async("app:double", 2) end },
        { "executor: with_context", { "funcs.context" }, function() return funcs.new():with_context({ key = 1 }) end },
        { "events.send", { "events.send" }, events.send, "system", "kind", "path" },
        { "events.subscribe", { "events.subscribe" }, events.subscribe, "system" },
        { "env.get", { "env.get" }, env.get, "COLOUR" },
        { "env.set", { "env.set" }, env.set, "COLOUR", "blue" },
        { "env.get_all", {}, env.get_all },
        { "exec.get", { "exec.get" }, exec.get, "app:programs" },
        { "executor:exec", { "exec.get", "exec.run" }, function() return exec.get("app:programs"):exec("true") end },
        { "fs.get", { "fs.get" }, fs.get, "app:files" },
        { "registry.get", { "registry.get" }, registry.get, "app:double" },
        { "registry: apply", { "registry.apply" }, function()
            local entry = { id = "made:" .. (name:gsub("%W", "_")), kind = "library.lua", data = { source = "return 1" } }
            return registry.snapshot():changes():create(entry):apply()
        end },
        { "registry.apply_version", { "registry.apply_version" }, registry.apply_version, 0 },
        { "security.can", {}, security.can, "process.send", "x" },
        { "security.policy", { "security.policy.get" }, security.policy, "may:process.send" },
        { "security.named_scope", { "security.policy_group.get" }, security.named_scope, "may:everything" },
        { "security.new_scope", { "security.scope.create" }, security.new_scope },
        { "security.new_actor", { "security.actor.create" }, security.new_actor, "somebody" },
        { "supervise.add", { "supervise.add" }, supervise.add, { name = "kept", command = "sleep", args = { 600 } } },
        { "supervise.start", { "supervise.start" }, supervise.start, "kept" },
        { "supervise.status", { "supervise.status" }, supervise.status, "kept" },
        { "supervise.list", { "supervise.list" }, supervise.list },
        { "supervise.events", { "supervise.events" }, supervise.events },
        { "supervise.output", { "supervise.output" }, supervise.output, "kept" },
        { "supervise.logs", { "supervise.logs" }, supervise.logs, "kept" },
        { "supervise.signal", { "supervise.signal" }, supervise.signal, "kept", "CONT" },
        { "supervise.scale", { "supervise.scale" }, supervise.scale, "kept", 2 },
        { "supervise.restart", { "supervise.restart" }, supervise.restart, "kept" },
        { "supervise.kill", { "supervise.kill" }, supervise.kill, "kept" },
        { "supervise.stop", { "supervise.stop" }, supervise.stop, "kept" },
        { "supervise.remove", { "supervise.remove" }, supervise.remove, "kept" },
        { "security.token_store", { "security.token_store.get" }, security.token_store, "app:tokens" },
    }
    -- Who has no identity has nothing to try these with.
    if actor and scope then
        local policy = scope:policies()[1]
        local of_its_own = {
            { "builder: with_actor", { "process.context", "process.security" }, builder, "with_actor", actor },
            { "builder: with_scope", { "process.context", "process.security" }, builder, "with_scope", scope },
            { "builder: spawn with an actor", build(spawn, "process.security"), function()
                return builder("with_actor", actor):spawn("app:brief", host)
            end },
            { "executor: with_actor", { "funcs.security" }, function() return funcs.new():with_actor(actor) end },
            { "executor: with_scope", { "funcs.security" }, function() return funcs.new():with_scope(scope) end },
            { "scope:with", { "security.scope.create" }, scope.with, scope, policy },
            { "scope:without", { "security.scope.create" }, scope.without, scope, policy },
        }
        table.move(of_its_own, 1, #of_its_own, #all + 1, all)
    end
    return all
end
