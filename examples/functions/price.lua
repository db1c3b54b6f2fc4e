local ctx = require("ctx")

local prices = { apple = 3, pear = 4 }

local function main(fruit, count)
    local price = prices[fruit]
    if not price then
        return nil, errors.new({ message = "no price for " .. fruit, kind = errors.NOT_FOUND })
    end
    return price * count * (1 - (ctx.get("discount") or 0))
end

return { main = main }
