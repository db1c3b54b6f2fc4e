-- Runs until it is told to stop.
local function main(name)
    process.listen("stop"):receive()
    return name
end

return { main = main }
