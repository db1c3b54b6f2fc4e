-- A script is replaced while processes run it: perilune run examples/live-update

local registry = require("registry")

local function main()
    local greetings = process.listen("greeting")

    local function start()
        return assert(process.spawn("app:greeter", "app:processes", process.pid()))
    end

    local function greet(who, greeter, name)
        process.send(greeter, "name", name)
        print(who .. " greeter: " .. greetings:receive())
    end

    local first = start()
    greet("first", first, "moon")

    -- A change set is applied as a whole or not at all.
    local changes = registry.snapshot():changes()
    local words = registry.get("app:words")
    words.data.source = 'return { greeting = "good evening" }'
    changes:update(words)
    local version, err = changes:apply()
    if err then
        return false, err
    end
    print("version " .. version:id() .. " is current")

    -- Whoever runs goes on as it was. Whoever starts from now on runs what is current.
    local second = start()
    greet("first", first, "moon")
    greet("second", second, "moon")

    -- What does not compile changes nothing.
    words.data.source = "return { greeting ="
    local refused, reason = registry.snapshot():changes():update(words):apply()
    print("refused:", refused == nil, reason:kind())

    -- Earlier versions can be made current again.
    assert(registry.apply_version(0))
    greet("third", start(), "moon")
    return true
end

return { main = main }
