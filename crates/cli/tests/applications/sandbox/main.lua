local security = require("security")

local function main()
    local worker = process.spawn("app:worker", "app:processes")
    local other = process.spawn("app:worker", "app:processes")
    process.registry.register("worker", worker)
    process.registry.register("other", other)

    local actor = security.new_actor("guest", { worker = worker, level = 1 })
    local scope = assert(security.named_scope("app:sandbox"))
    local spawner = process.with_context({ greeting = "hello" }):with_actor(actor):with_scope(scope)
    spawner:spawn_monitored("app:sandboxed", "app:processes", worker, other, process.pid())
    local event = process.events():receive()
    print(event.result)

    -- Only one of both is none at all.
    print("can", security.can("process.send", worker), security.actor(), security.scope())
    local half = process.with_context({}):with_actor(actor)
    half:spawn_monitored("app:worker", "app:processes")
    print(tostring(actor), actor:id(), actor:meta().level, #scope:policies())
    local policy = security.policy("app:talk_to_the_worker")
    print(tostring(policy), policy:evaluate(actor, "process.send", worker), policy:evaluate(actor, "process.send", other))
    print(scope:evaluate(actor, "process.send", other, { pid = other }), scope:evaluate(actor, "process.spawn", "x"))
    print(scope:contains(policy), scope:contains({ ns = "app", name = "talk_to_itself" }), scope:contains("app:x"))
    local narrower = scope:without(policy)
    print(#narrower:policies(), #narrower:with(policy):policies(), #scope:policies(), #security.new_scope():policies())
    print(security.new_scope({ policy }):evaluate(actor, "process.send", worker))
    for _, get in { security.policy, security.named_scope } do
        local found, err = get("app:nothing")
        print(found, err:kind(), err)
    end
    local _, err = security.token_store("app:tokens")
    print(err:kind(), err)
    for _, bad in { { 1, {} }, { "id", { f = print } }, { "id", { 1 } }, { "", {} }, { "id", "x" } } do
        print(pcall(security.new_actor, unpack(bad)))
    end
    print(pcall(security.new_scope, { 1 }))
    print(pcall(security.new_scope, "x"))
    print(pcall(spawner.with_actor, spawner, scope))
    print(pcall(spawner.with_scope, spawner))
    print(pcall(scope.evaluate, scope, "actor", "a", "r"))
    return true
end

return { main = main }
