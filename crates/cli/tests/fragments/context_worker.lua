local ctx = require("ctx")

local function main(parent)
    local msg = process.inbox():receive()
    process.send(parent, "report", {
        request_id = ctx.get("request_id"),
        user = ctx.get("user"),
        topic = msg:topic(),
        payload = msg:payload(),
    })
    process.events():receive()
end

return { main = main }
