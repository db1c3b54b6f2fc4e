local events = require("events")

local function main(first, last)
    for number = first, last do
        assert(events.send("orders.eu", "created", "order/" .. number, { number = number }))
    end
end

return { main = main }
