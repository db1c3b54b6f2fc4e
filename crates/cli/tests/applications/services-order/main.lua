local registry = require("registry")

local lists = process.listen("list")

local function ask(count)
    process.send("recorder", "ask", { from = process.pid(), count = count })
    return lists:receive()
end

local function main()
    -- They run before the command does. Two of them start side by side.
    local up = ask(4)
    if up[2] > up[3] then up[2], up[3] = up[3], up[2] end
    print(table.concat(up, ", "))

    -- All at once in one change, and still one after the other.
    local changes = registry.snapshot():changes()
    for _, name in { "d_first", "c_middle", "a_last", "b_middle" } do changes:delete("app:" .. name) end
    assert(changes:apply())
    local down = ask(4)
    if down[2] > down[3] then down[2], down[3] = down[3], down[2] end
    print(table.concat(down, "\n"))
end

return { main = main }
