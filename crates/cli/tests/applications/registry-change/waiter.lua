local function version()
    return "old"
end

local function main(parent)
    process.send(parent, "ready", version())
    local go = process.listen("go"):receive()
    return version() .. " still, " .. go
end

return { main = main }
