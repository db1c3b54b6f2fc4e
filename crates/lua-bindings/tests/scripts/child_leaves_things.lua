left = { 1, 2, 3 }
local shared = "mine"

local function deep(n)
    if n == 0 then
        process.send(process.listen("ready?"):receive(), "ready")
        process.inbox():receive()
    end
    return 1 + deep(n - 1)
end

local function main(way)
    getmetatable = nil
    _G.also_left = way
    if way == "fails" then
        error({ way })
    elseif way == "is ended" then
        deep(0)
    elseif way == "waits deeply" then
        deep(100)
    elseif way == "shares" then
        local co = coroutine.create(function()
            shared ..= "!"
            coroutine.yield(shared)
        end)
        coroutine.resume(co)
        coroutine.spawn(function() process.listen("never"):receive() end)
        coroutine.wrap(function() deep(3) end)()
    elseif way == "upgrades" then
        process.upgrade("app:child_nothing")
    end
    return shared
end

return { main = main }
