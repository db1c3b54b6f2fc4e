-- Registers a name and ends; true if the name led to this process.
local function main(name)
    process.registry.register(name)
    return process.registry.lookup(name) == process.pid()
end

return { main = main }
