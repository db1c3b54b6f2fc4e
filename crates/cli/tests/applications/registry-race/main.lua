local funcs = require("funcs")
local registry = require("registry")

local function main()
    local readers = {}
    for n = 1, 4 do
        readers[n] = process.spawn_monitored("app:reader", "app:processes")
    end
    local wrong = 0
    for n = 1, 200 do
        local set = registry.snapshot():changes()
        for _, name in ipairs({ "number", "same" }) do
            set:update({ id = "app:" .. name, kind = "library.lua", data = { source = "return " .. n } })
        end
        assert(set:apply():id() == n)
        -- What was applied is what the next call runs, whoever else is calling.
        local got = funcs.call("app:get")
        if got.number ~= n or got.same ~= n then
            wrong = wrong + 1
        end
    end
    print("wrong", wrong)
    for _, reader in ipairs(readers) do
        process.cancel(reader)
    end
    for _ = 1, 4 do
        local result = process.events():receive().result.value
        print(result.wrong, result.worked, result.last)
    end
end

return { main = main }
