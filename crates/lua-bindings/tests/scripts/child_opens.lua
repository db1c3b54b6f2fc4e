local fs = require("fs")
local function main(how, parent)
    local vol = fs.get("app:data")
    if how == "open" then
        coroutine.spawn(function()
            while true do
                vol:open("a")
            end
        end)
        return process.send(parent, "opening") and process.inbox():receive()
    end
    if how == "wait" then
        return process.send(parent, "upgraded") and process.inbox():receive()
    end
    local streams = {}
    for i = 1, 10 do
        streams[i] = vol:open("a")
    end
    streams[1]:close()
    streams[2]:scanner():scan()
    if how == "upgrade" then
        process.upgrade(nil, "wait", parent)
    elseif how == "raise" then
        error("raised")
    elseif how == "fail" then
        return nil, "failed"
    elseif how == "read" then
        process.send(parent, "reading")
        vol:open("never"):read()
    end
    return "value"
end
return { main = main }
