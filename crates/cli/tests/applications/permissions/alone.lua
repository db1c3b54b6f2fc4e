local operations = require("operations")
local try = require("try")

-- There are no such processes; whoever may not do it does not learn that.
local function main()
    local nobody = "{app:processes|0xfffff00}"
    process.registry.register("alone")
    local refused, passed = 0, {}
    for _, operation in operations({ nobody, nobody, nobody, nobody, nobody }, nobody) do
        local missing = try(operation)
        if missing then
            assert(table.find(operation[2], missing), operation[1] .. " needs " .. missing)
            refused += 1
        else
            table.insert(passed, operation[1])
        end
    end
    print(refused .. " refused")
    print("not refused: " .. table.concat(passed, ", "))
end

return { main = main }
