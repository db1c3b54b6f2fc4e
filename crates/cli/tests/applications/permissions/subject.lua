local operations = require("operations")
local security = require("security")
local try = require("try")

-- Tells by the names of the operations what they need, why they were refused, and what failed otherwise.
local function main(targets, name)
    assert(security.actor():id() == "subject")
    local needs, refused, failed = {}, {}, {}
    for _, operation in operations(targets, name) do
        needs[operation[1]] = operation[2]
        refused[operation[1]], failed[operation[1]] = try(operation)
    end
    return { needs = needs, refused = refused, failed = failed }
end

return { main = main }
