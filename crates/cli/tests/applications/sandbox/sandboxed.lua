local ctx = require("ctx")
local events = require("events")
local fs = require("fs")
local funcs = require("funcs")
local security = require("security")

-- Tries whatever there is. Counts what is refused, and says what is not.
local refused, said = 0, {}

local function say(...)
    local texts = {}
    for i = 1, select("#", ...) do texts[i] = (tostring((select(i, ...))):gsub("0x%x+", "0x")) end
    table.insert(said, table.concat(texts, "\t"))
end

local function try(action, resource, f, ...)
    local ok, value, err = pcall(f, ...)
    if not ok then err = value end
    if err and type(err) == "userdata" and err:kind() == errors.PERMISSION_DENIED then
        local details = err:details()
        assert(details.action == action, action .. " is called " .. details.action)
        assert(not resource or details.resource == resource, action .. ": " .. tostring(details.resource))
        refused = refused + 1
        say(action, err)
    else
        say("NOT REFUSED", action, value, err)
    end
end

local function main(worker, other, parent)
    local host = "app:processes"
    say(security.actor():id(), #security.scope():policies(), ctx.get("greeting"))

    -- What it may: the worker, by pid and by name, and itself.
    say(process.send(worker, "question", 42))
    say(process.send("worker", "question", 43))
    say(process.send(process.pid(), "note", 1))
    local inbox = process.inbox()
    local got = {}
    for _ = 1, 3 do
        local message = inbox:receive()
        table.insert(got, message.topic .. "=" .. message.payload)
    end
    table.sort(got)
    say(table.concat(got, " "))
    say(security.can("process.send", worker), security.can("process.send", other), security.can("process.spawn", "app:worker"))
    say(process.registry.lookup("worker") == worker)

    -- What it may not. Whether something exists cannot be told from the answer.
    try("process.send", other, process.send, other, "question", 1)
    try("process.send", other, process.send, "other", "question", 1)
    try("process.send", parent, process.send, parent, "question", 1)
    try("process.send", "{app:processes|0xfffff00}", process.send, "{app:processes|0xfffff00}", "question")
    try("process.send", "{no:host|0x00001}", process.send, "{no:host|0x00001}", "question")
    for _, verb in { "terminate", "cancel", "monitor", "unmonitor", "link", "unlink" } do
        try("process." .. verb, worker, process[verb], worker)
    end
    for _, id in { "app:worker", "app:nothing" } do
        try("process.spawn", id, process.spawn, id, host)
        try("process.spawn", id, process.spawn_monitored, id, host)
        try("process.spawn", id, process.spawn_linked, id, host)
        try("process.spawn", id, process.spawn_linked_monitored, id, host)
        try("process.call", id, process.call, id, host)
        try("process.call", id, process.exec, id, host)
        try("funcs.call", id, funcs.call, id)
        try("funcs.call", id, funcs.async, id)
        try("funcs.call", id, funcs.new().call, funcs.new(), id)
    end
    try("process.context", "context", process.with_context, {})
    try("funcs.context", "context", funcs.new().with_context, funcs.new(), {})
    try("funcs.security", "security", funcs.new().with_scope, funcs.new(), security.scope())
    try("process.registry.register", "me", process.registry.register, "me")
    try("process.registry.register", "you", process.registry.register, "you", other)
    try("process.registry.unregister", "worker", process.registry.unregister, "worker")
    try("process.registry.unregister", "nobody", process.registry.unregister, "nobody")
    try("events.send", "orders", events.send, "orders", "created", "order/1")
    try("events.subscribe", "orders", events.subscribe, "orders")
    try("fs.get", "app:secret", fs.get, "app:secret")
    try("fs.get", "app:nothing", fs.get, "app:nothing")
    try("security.policy.get", "app:talk_to_itself", security.policy, "app:talk_to_itself")
    try("security.policy.get", "app:nothing", security.policy, "app:nothing")
    try("security.policy_group.get", "app:sandbox", security.named_scope, "app:sandbox")
    try("security.scope.create", "custom", security.new_scope)
    try("security.scope.create", "with", security.scope().with, security.scope(), security.scope():policies()[1])
    try("security.scope.create", "without", security.scope().without, security.scope(), "app:talk_to_itself")
    try("security.actor.create", "root", security.new_actor, "root")
    try("security.token_store.get", "app:tokens", security.token_store, "app:tokens")

    -- Arguments come first.
    local _, err = process.send(other, "@topic")
    say(err:kind(), err)
    _, err = process.cancel(other, "soon")
    say(err:kind(), err)
    _, err = process.send("nobody", "topic")
    say(err:kind(), err)
    say(refused, "refused")
    return table.concat(said, "\n")
end

return { main = main }
