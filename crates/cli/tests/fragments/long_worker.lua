return {
    main = function()
        process.events():receive()
    end,
}
